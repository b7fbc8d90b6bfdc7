"""`python -m ledger.cli`, where the script is not installed."""

import sys

from ledger.cli.main import main

sys.exit(main())
