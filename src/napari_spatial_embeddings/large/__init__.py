"""Images larger than memory: from the image to the written labels, with runs that go on later."""
