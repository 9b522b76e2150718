-- Key read: s:<key>; ARGV[3] key, [4] token; Reply: 1 while token and lease are the claim's
return holds(load(ARGV[3]), ARGV[4]) and 1 or 0
