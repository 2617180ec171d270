"""``python -m baked_publish`` is the program ``publish``."""

from baked_publish.cli import main

if __name__ == "__main__":
    main()
