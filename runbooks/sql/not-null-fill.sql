-- Orders without a currency are in EUR. BEFORE, so that the CHECK sees the value.
CREATE FUNCTION public.orders_currency_fill() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.currency := coalesce(NEW.currency, 'EUR');
    RETURN NEW;
END $$;

CREATE TRIGGER orders_currency_fill BEFORE INSERT OR UPDATE ON {{tbl}}
    FOR EACH ROW EXECUTE FUNCTION public.orders_currency_fill();
