"""Run the command line from a checkout: `python cli.py …` is `ticketflow …`."""

from workflow.cli.main import main

if __name__ == "__main__":
    main()
