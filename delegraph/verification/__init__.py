"""Whether delegates compute what the reference kernels do, and if not, which op is to blame."""
