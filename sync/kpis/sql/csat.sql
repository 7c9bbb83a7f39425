-- Ratings of tickets by the day they were closed, or created where they are not closed.
with asked as (
    select rating, coalesce(closed_day, created_day) as day
    from ticket
    where ($source is null or list_contains(sources, $source))
)
select
    count(*) filter (rating between 1 and 5) as rated,
    count(*) filter (rating between 4 and 5) as satisfied,
    coalesce(cast(sum(rating) filter (rating between 1 and 5) as decimal(38, 0)), 0) as points,
    count(*) filter (rating is null) as unrated,
    count(*) filter (rating not between 1 and 5) as outside
from asked
where ($start is null or day >= cast($start as date)) and ($end is null or day < cast($end as date))
