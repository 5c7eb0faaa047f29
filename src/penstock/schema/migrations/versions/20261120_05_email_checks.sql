-- What four more checkers of mailboxes mean by their words. Yellow is verified where the mailbox is known to be there (an office's, a typo's
-- neighbour), and not where a server takes mail for anybody.

insert into app.verification_code_map (provider, channel, code, is_verified, status, meaning) values
  ('zerobounce', 'email', 'valid', true, 'green', 'mailbox is deliverable'), ('zerobounce', 'email', 'valid:role_based', true, 'yellow', 'an office, not a person'),
  ('zerobounce', 'email', 'valid:role_based_accept_all', false, 'yellow', 'an office at a domain that accepts all'), ('zerobounce', 'email', 'valid:role_based_catch_all', false, 'yellow', 'an office at a domain that accepts all'),
  ('zerobounce', 'email', 'valid:possible_typo', true, 'yellow', 'looks like a typo of another domain'), ('zerobounce', 'email', 'valid:did_you_mean', true, 'yellow', 'another spelling is suggested'),
  ('zerobounce', 'email', 'valid:alias_address', true, 'yellow', 'an alias of another address'), ('zerobounce', 'email', 'valid:accept_all', false, 'yellow', 'accepts all'),
  ('zerobounce', 'email', 'valid:mailbox_quota_exceeded', true, 'yellow', 'mailbox is full'), ('zerobounce', 'email', 'invalid:mailbox_quota_exceeded', false, 'yellow', 'mailbox is full'),
  ('zerobounce', 'email', 'unknown:mailbox_quota_exceeded', false, 'yellow', 'mailbox is full'), ('zerobounce', 'email', 'catch-all', false, 'yellow', 'accepts all'),
  ('zerobounce', 'email', 'do_not_mail:role_based', false, 'yellow', 'an office, not a person'), ('zerobounce', 'email', 'do_not_mail:role_based_catch_all', false, 'yellow', 'an office at a domain that accepts all'),
  ('zerobounce', 'email', 'do_not_mail:role_based_accept_all', false, 'yellow', 'an office at a domain that accepts all'), ('zerobounce', 'email', 'invalid', false, 'red', 'no such mailbox'),
  ('zerobounce', 'email', 'spamtrap', false, 'red', 'spam trap'), ('zerobounce', 'email', 'abuse', false, 'red', 'complains about mail'), ('zerobounce', 'email', 'do_not_mail', false, 'red', 'disposable, toxic, suppressed or a trap'),
  ('zerobounce', 'email', 'unknown', false, 'gray', 'undecided'), ('zerobounce', 'email', 'pending', false, 'gray', 'the vendor still waits for the server'),
  ('neverbounce', 'email', 'valid', true, 'green', 'mailbox is deliverable'), ('neverbounce', 'email', 'valid:role_account', true, 'yellow', 'an office, not a person'),
  ('neverbounce', 'email', 'valid:did_you_mean', true, 'yellow', 'another spelling is suggested'), ('neverbounce', 'email', 'valid:spamtrap_network', false, 'red', 'in a network of spam traps'),
  ('neverbounce', 'email', 'catchall', false, 'yellow', 'accepts all'), ('neverbounce', 'email', 'invalid', false, 'red', 'no such mailbox'), ('neverbounce', 'email', 'disposable', false, 'red', 'disposable'),
  ('neverbounce', 'email', 'unknown', false, 'gray', 'undecided'),
  ('millionverifier', 'email', 'ok', true, 'green', 'mailbox is deliverable'), ('millionverifier', 'email', 'ok:role', true, 'yellow', 'an office, not a person'),
  ('millionverifier', 'email', 'ok:did_you_mean', true, 'yellow', 'another spelling is suggested'), ('millionverifier', 'email', 'ok:risky', true, 'yellow', 'deliverable, of doubtful quality'),
  ('millionverifier', 'email', 'catch_all', false, 'yellow', 'accepts all'), ('millionverifier', 'email', 'invalid', false, 'red', 'no such mailbox'), ('millionverifier', 'email', 'disposable', false, 'red', 'disposable'),
  ('millionverifier', 'email', 'error', false, 'red', 'no address at all'), ('millionverifier', 'email', 'unknown', false, 'gray', 'undecided'),
  ('mailprobe', 'email', 'exists', true, 'green', 'the server takes mail for it and not for a stranger'), ('mailprobe', 'email', 'exists:role', true, 'yellow', 'an office, not a person'),
  ('mailprobe', 'email', 'catch_all', false, 'yellow', 'the server takes mail for a stranger too'), ('mailprobe', 'email', 'full', false, 'yellow', 'mailbox is full'),
  ('mailprobe', 'email', 'syntax', false, 'red', 'no address at all'), ('mailprobe', 'email', 'disposable', false, 'red', 'disposable'), ('mailprobe', 'email', 'no_domain', false, 'red', 'the domain does not exist'),
  ('mailprobe', 'email', 'null_mx', false, 'red', 'the domain takes no mail'), ('mailprobe', 'email', 'no_mail_host', false, 'red', 'nobody takes mail for the domain'), ('mailprobe', 'email', 'no_mailbox', false, 'red', 'no such mailbox'),
  ('mailprobe', 'email', 'refused', false, 'gray', 'the server will not talk to us'), ('mailprobe', 'email', 'greylisted', false, 'gray', 'the server wants to be asked later'),
  ('mailprobe', 'email', 'cannot_verify', false, 'gray', 'the server does not say'), ('mailprobe', 'email', 'undecided', false, 'gray', 'the server said too little'),
  ('mailprobe', 'email', 'no_connection', false, 'gray', 'no server answered'), ('mailprobe', 'email', 'dns_failed', false, 'gray', 'the name servers did not answer');
