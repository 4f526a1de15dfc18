"""The Assistant: a program on the shop's PC that stands between registers and the cash server.

It finds the registers of the PC, signs in to the broker with an account, checks in on behalf
of those that cannot speak the conversation, does the steps of their operations, and relays
EoT.  Of this project it knows ``protocol`` only: it runs alone.
"""
