"The paper's figures, tables and claims beside ours; no torch."
