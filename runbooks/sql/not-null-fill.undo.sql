DROP TRIGGER orders_currency_fill ON {{tbl}};
DROP FUNCTION public.orders_currency_fill();
