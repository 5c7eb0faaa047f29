"""The business side of the town: companies, their officers, websites, mail servers, and the vendors who watch them.

Company n has a domain made of two words and n, so that a domain, a profile URL or a mail address leads back to its
company without a list: nothing is made before somebody asks. Officers change office at instants fixed by the seed.
"""
