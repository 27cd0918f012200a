"The command `lth`, for `python -m lth_nb`."
from lth_nb.cli import main

raise SystemExit(main())
