"""How each kind of TFLite op becomes operations of NNAPI: a module for each family, its kinds in `OPS`.

What an operation takes, and from which feature level, is as the documentation of NeuralNetworksTypes.h says.
"""
