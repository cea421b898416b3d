"""The method: maps, loss, network, clustering and scores; arrays and tensors in and out."""
