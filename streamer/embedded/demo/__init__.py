"""`make demo`: the whole story in about a minute, told by figures read back from the services."""
