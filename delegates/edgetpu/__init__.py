"""The Edge TPU: what its compiler made, run through Coral's libraries in a child process, or on the CPU by its twin."""
