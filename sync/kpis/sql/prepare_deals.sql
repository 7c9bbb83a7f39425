-- One row a deal, with all that the KPIs ask of it: the day it was created in the reporting
-- time zone, its rate to the reporting currency, its probability, and what keeps its amount
-- from being summed (problem; NULL when nothing does).
--
-- The rate is the last one that began on or before the deal's day: the close date of a closed
-- deal (as booked), today for an open one. Amounts and rates are not multiplied here: the
-- product of two 38-digit decimals does not fit into one. They are summed by rate, exactly,
-- and multiplied by the caller.
create temp table deal as
with rated as (
    select currency, rate, coalesce(from_date, date '0001-01-01') as from_date
    from rates
    where rate > 0 and currency <> $currency
    union all
    select $currency, cast(1 as decimal(38, 18)), date '0001-01-01'
),
dated as (
    select
        *,
        case when status in ('won', 'lost') then coalesce(close_date, $today) else $today end
            as rate_day
    from deals
)
select
    d.id,
    d.status,
    d.amount,
    d.currency,
    r.rate,
    case
        when d.amount is null then 'amount'
        when d.currency is null then 'currency'
        when r.rate is null then 'rate'
    end as problem,
    coalesce(d.probability, s.probability) as probability,
    d.close_date,
    cast(timezone($time_zone, d.created_at) as date) as created_day,
    d.company,
    d.contacts,
    d.sources
from dated as d
asof left join rated as r on d.currency = r.currency and d.rate_day >= r.from_date
left join stage_probability as s on d.stage = s.stage
