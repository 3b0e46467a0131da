"""The harness of the service tests: real servers in temporary directories, ended by their process ids."""
