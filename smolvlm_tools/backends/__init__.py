"""The runtimes that hold weights; `choose.load_backend` picks one."""
