"""The backends that hold weights; `registry` lists them and `choose.load_backend` picks one."""
