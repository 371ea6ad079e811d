"""What normalization layers of other frameworks do, asked of the installed libraries: `make conventions`.

It runs in an environment of its own, `.venv-conventions`, because the book's has neither Keras nor Flax. The
answers are kept in `normcourse/porting/conventions.json`, which the book reads. The tests, whose environment
has PyTorch and ONNX, ask `pytorch` and `onnx_` again.
"""
