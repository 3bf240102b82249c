"""OpenVINO as a backend, over the same ONNX files."""
