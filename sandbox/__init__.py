"""Local stand-ins of the remote systems, over real HTTP, with their own books. They share no code with the clients."""
