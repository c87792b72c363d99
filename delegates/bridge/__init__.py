"""A bridge: engines lent to another machine, over TCP or a Unix socket.

`wire` and `handshake` are what both ends speak, `server` is where the device is, `connection` and `remote` are where
the model is. Importing and serving needs numpy alone, so that it runs wherever Python does (a phone).
"""
