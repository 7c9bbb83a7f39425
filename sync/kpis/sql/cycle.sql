-- Days from creation to close of the deals won in the period. A deal closed before it was
-- created (imported later, mostly) says nothing about a cycle.
with won as (
    select close_date - created_day as days, close_date, created_day
    from deal
    where status = 'won'
        and ($start is null or close_date >= cast($start as date))
        and ($end is null or close_date < cast($end as date))
        and ($source is null or list_contains(sources, $source))
)
select
    count(*) filter (days >= 0) as n,
    coalesce(cast(sum(days) filter (days >= 0) as decimal(38, 0)), 0) as days,
    median(cast(days as decimal(18, 1))) filter (days >= 0) as median,
    count(*) filter (days is null) as undated,
    count(*) filter (days < 0) as negative
from won
