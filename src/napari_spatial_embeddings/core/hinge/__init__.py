"""The Lovasz hinge of all objects: by compiled loops on processors, by tensors elsewhere."""
