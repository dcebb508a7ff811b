"""Config tests: files beside a configuration that say what it must do. Read and checked here, run further up."""
