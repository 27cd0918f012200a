"The three pages of the explorer in JupyterLab."
