"""`python -m gateway` is `memory-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main(prog_name="memory-gateway")
