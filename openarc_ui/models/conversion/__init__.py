"""From a Hugging Face checkpoint or a GGUF to an OpenVINO model, by optimum-intel, in a process of its own."""
