"""One module for each theme of the contract; each test is one clause."""
