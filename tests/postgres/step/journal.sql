-- A run with an empty journal whose lease has the token `mine`.
INSERT INTO pgcutover.run (run_id, cutover, plan_hash) VALUES ('r', 'test', 'hash');
INSERT INTO pgcutover.head (run_id, seq, hash) VALUES ('r', 0, '');
INSERT INTO pgcutover.lease (run_id, epoch, token, holder, host, pid, backend_start)
VALUES ('r', 1, 'mine', session_user, 'here', pg_backend_pid(), now());
