"""`python -m ledger.demo`: plays the story, stops everything, exits 0; another code where the story did not hold."""

import sys

from ledger.demo.play import main

sys.exit(main())
