"""The ledger of the target ``registry``: which images a tag had, which it may get, and who is writing."""
