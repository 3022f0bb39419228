"""Where the lines of a VCF come from: files as they are, compressed, or binary; parts of them."""
