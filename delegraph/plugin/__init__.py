"""Our delegates inside TensorFlow Lite's own Interpreter."""
