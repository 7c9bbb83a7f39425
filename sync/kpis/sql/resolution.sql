-- Microseconds from creation to close of the tickets closed in the period.
with done as (
    select elapsed, closed_day, created
    from ticket
    where status = 'closed'
        and (
            closed_day is null
            or (
                ($start is null or closed_day >= cast($start as date))
                and ($end is null or closed_day < cast($end as date))
            )
        )
        and ($source is null or list_contains(sources, $source))
)
select
    count(*) filter (elapsed >= 0) as n,
    coalesce(cast(sum(elapsed) filter (elapsed >= 0) as decimal(38, 0)), 0) as elapsed,
    median(cast(elapsed as decimal(38, 1))) filter (elapsed >= 0) as median,
    count(*) filter (closed_day is null) as unclosed,
    count(*) filter (closed_day is not null and not created) as uncreated,
    count(*) filter (elapsed < 0) as negative
from done
