from tests.oracle.main import main

raise SystemExit(main())
