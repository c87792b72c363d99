"""Android's Neural Networks API: a program as plain data, what runs it on the phone, and the delegate in front.

`engine`, and all that it imports, needs numpy alone: it is what a phone has.
"""
