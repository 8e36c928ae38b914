"""What training asks for: crops, pairs, patches, scenes and batches of people."""
