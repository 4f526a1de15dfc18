"""The Assistant: a program on the shop's PC between the registers and the cash server.

It finds the registers of the PC, signs in to the broker with an account, checks in for registers
that cannot hold a conversation themselves, executes the steps of their operations, and relays EoT.
It imports only ``protocol`` of this project, because it is installed alone.
"""
