"""The whole stack under load for minutes: `make load`."""
