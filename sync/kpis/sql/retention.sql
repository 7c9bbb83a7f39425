-- Customers active at the start of the period (a won deal in the days before it), those of
-- them still active at its end, and those who are neither: new and reactivated ones.
with customer as (
    select
        company,
        bool_or(
            close_date >= cast($start as date) - cast($active_days as integer)
            and close_date < cast($start as date)
        ) as at_start,
        bool_or(
            close_date >= cast($measured as date) - cast($active_days as integer)
            and ($end is null or close_date < cast($end as date))
        ) as at_end,
        min(close_date) as first_won
    from deal
    where status = 'won'
        and company is not null
        and close_date is not null
        and (
            $source is null
            or company in (select id from companies where list_contains(sources, $source))
        )
    group by company
)
select
    count(*) filter (at_start) as at_start,
    count(*) filter (at_start and at_end) as retained,
    count(*) filter (at_end and first_won >= cast($start as date)) as new,
    count(*) filter (at_end and not at_start and first_won < cast($start as date)) as reactivated
from customer
