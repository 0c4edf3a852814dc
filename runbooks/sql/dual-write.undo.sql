-- The old column is complete: every write to the new one has reached it.
DROP TRIGGER users_email_in_step ON {{tbl}};
DROP FUNCTION public.users_email_in_step();
