"""The process of `benchmarks.fuzz` that is led by what code an input reaches."""
