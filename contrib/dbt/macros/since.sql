{# An incremental run evaluates again what a late event can change. The earliest time is computed once, before the first
   change, because the newest leg may be among those that are deleted. #}
{% macro note_since() %}
  {% if is_incremental() %}
    select set_config('dbt_impossible_travel.since',
        coalesce((select max(to_time) - interval '{{ var("impossible_travel_lookback") }}' from {{ this }})::text, ''), false)
  {% else %}
    select set_config('dbt_impossible_travel.since', '', false)
  {% endif %}
{% endmacro %}

{# The legs that the run evaluates again: a late event may have come between the ends of one of them. #}
{% macro delete_since() %}
  {% if is_incremental() %}
    delete from {{ this }} where to_time >= {{ impossible_travel.since() }}
  {% else %}
    select 1
  {% endif %}
{% endmacro %}

{% macro since() %}nullif(current_setting('dbt_impossible_travel.since'), '')::timestamptz{% endmacro %}
