'use strict';
// Draws the page from its two JSON elements: `world`, the outlines, and `data`, what travel.map_html read. Every text of
// the data is set as text, never as markup.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const world = read('world');
  const data = read('data');
  const at = (id) => document.getElementById(id);

  const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];
  const STATUSES = { open: 'open', under_review: 'under review', archived: 'archived', withdrawn: 'withdrawn' };
  const REASONS = {
    before_raise_from: 'The leg is earlier than the time from which the rule raises alerts.',
    learning: 'The rule was still learning the locations of the user.',
    known_place: 'The user was known to work from these locations.',
    known_transition: 'The user was known to move between these locations.',
    trusted_network: 'Both addresses belong to trusted networks.',
    vpn: 'The leg leads into a network that is entered as a VPN.',
    anonymizer: 'The leg leads to an anonymizer, which the rule ignores.',
    hosting: 'The leg leads to a hosting provider, which the rule ignores.',
    carrier: 'The leg leads to a mobile or satellite carrier, which the rule ignores.',
    same_asn: 'Both addresses belong to one autonomous system, which the rule ignores.',
    suppressed: 'A suppression matches.',
  };
  const EVIDENCE = {
    new_country: 'new country', user_agent_changed: 'user agent changed', no_mfa: 'no MFA', long_term_key: 'long-term key',
    root: 'root user', tor: 'Tor', hosting_one_side: 'hosting on one side', hosting_both: 'hosting on both sides',
    carrier: 'carrier', same_asn: 'same AS', dual_stack: 'IPv4 and IPv6', two_holders: 'two holders',
  };
  const COVERAGE = {
    located: 'The event was evaluated.',
    unknown_address: 'No GeoIP database and no named network locates the public address.',
    private_address: 'The address is private, and no named network locates it.',
    no_address: 'The event has no address.',
    no_entity: 'The identity has more than 2,000 bytes, so scans cannot store it.',
    ignored: 'The address is in a network to ignore.',
  };

  // Elements ------------------------------------------------------------------------------------------------------------

  const SVG = 'http://www.w3.org/2000/svg';
  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined && child !== false && child !== '') element.append(child);
    }
    return element;
  };
  const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

  // Words ---------------------------------------------------------------------------------------------------------------

  const whole = (number) => Math.round(number).toLocaleString('en-US');
  const counted = (number, one, many) => `${whole(number)} ${number === 1 ? one : many || one + 's'}`;
  const severityClass = (severity) => (SEVERITIES.includes(severity) ? severity : 'info');
  const time = (text) => {
    const date = new Date(text);
    return text === null || Number.isNaN(date.getTime()) ? text : date.toISOString().slice(0, 16).replace('T', ' ') + ' UTC';
  };
  const elapsed = (seconds) => {
    if (seconds < 60) return counted(Math.round(seconds), 'second');
    const minutes = Math.round(seconds / 60);
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  };
  const percent = (part, total) => {
    if (total === 0) return '–';
    const share = (100 * part) / total;
    return (share > 99.9 && part < total ? '99.9' : share >= 99.95 || share === 0 ? share.toFixed(0) : share.toFixed(1)) + '%';
  };

  // The map: the projection "Natural Earth" of Tom Patterson, as a polynomial of Bojan Šavrič --------------------------------

  const SCALE = 1000 / (2 * Math.PI * 0.8707);
  const NORTH = 84;
  const SOUTH = -58;
  const raw = (longitude, latitude) => {
    const x = (longitude * Math.PI) / 180;
    const y = (latitude * Math.PI) / 180;
    const y2 = y * y;
    const y4 = y2 * y2;
    return [
      SCALE * x * (0.8707 - 0.131979 * y2 + y4 * (-0.013791 + y4 * (0.003971 * y2 - 0.001529 * y4))),
      -SCALE * y * (1.007226 + y2 * (0.015085 + y4 * (-0.044475 + 0.028874 * y2 - 0.005916 * y4))),
    ];
  };
  const TOP = raw(0, NORTH)[1];
  const HEIGHT = raw(0, SOUTH)[1] - TOP;
  const project = (longitude, latitude) => {
    const [x, y] = raw(longitude, Math.max(-89, Math.min(89, latitude)));
    return [x + 500, y - TOP];
  };
  const path = (points) => points.map(([x, y], n) => `${n ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
  const outline = (numbers) => {
    const points = [];
    let x = 0;
    let y = 0;
    for (let n = 0; n < numbers.length; n += 2) {
      x += numbers[n];
      y += numbers[n + 1];
      points.push(project(x / world.unitsPerDegree, y / world.unitsPerDegree));
    }
    return path(points);
  };
  // The lines of a GeoJSON geometry: a LineString, or a MultiLineString where the route crosses the antimeridian.
  const linesOf = (route) => {
    if (!route) return [];
    const geometry = route.type === 'Feature' ? route.geometry : route;
    const lines = geometry.type === 'MultiLineString' ? geometry.coordinates : [geometry.coordinates];
    return lines.map((line) => line.map(([longitude, latitude]) => project(longitude, latitude)));
  };
  const arrowOn = (lines) => {
    const line = lines.reduce((a, b) => (b.length > a.length ? b : a), []);
    if (line.length < 2) return null;
    const n = Math.max(1, Math.round(line.length * 0.55));
    const end = line[Math.min(n, line.length - 1)];
    const start = line[Math.min(n, line.length - 1) - 1];
    return { x: (start[0] + end[0]) / 2, y: (start[1] + end[1]) / 2, angle: (Math.atan2(end[1] - start[1], end[0] - start[0]) * 180) / Math.PI };
  };

  const routes = new Map();
  const located = data.alerts.filter((alert) => alert.route);
  const cities = new Map();
  for (const alert of located) {
    for (const end of [alert.from, alert.to]) {
      const key = `${end.latitude} ${end.longitude}`;
      const city = cities.get(key) || { name: end.city || end.place, point: project(end.longitude, end.latitude), alerts: [] };
      city.alerts.push(alert.id);
      cities.set(key, city);
    }
  }
  const routeLayer = svg('g');
  const cityLayer = svg('g');
  // The most severe routes are drawn last, above the others.
  for (const alert of [...located].sort((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity))) {
    const lines = linesOf(alert.route);
    const arrow = arrowOn(lines);
    const group = svg('g', { class: `route ${severityClass(alert.severity)}` },
      svg('title', {}, `${alert.who}: ${alert.from.place} to ${alert.to.place}`),
      lines.map((line) => svg('path', { class: 'line', d: path(line) })),
      lines.map((line) => svg('path', { class: 'reach', d: path(line) })),
      arrow && svg('path', { class: 'arrow', 'data-x': arrow.x, 'data-y': arrow.y, 'data-angle': arrow.angle }));
    group.addEventListener('click', () => choose(alert.id, true));
    routes.set(alert.id, group);
    routeLayer.append(group);
  }
  for (const city of [...cities.values()].sort((a, b) => b.alerts.length - a.alerts.length)) {
    city.mark = svg('g', { class: 'city' }, svg('circle', { cx: city.point[0], cy: city.point[1] }),
      svg('text', {}, city.name.length > 24 ? city.name.slice(0, 23) + '…' : city.name));
    cityLayer.append(city.mark);
  }
  const picture = svg('svg', { role: 'img', 'aria-labelledby': 'map-title', 'aria-describedby': 'map-note' },
    svg('path', { class: 'land', d: world.land.map(outline).join('Z') + 'Z' }),
    svg('path', { class: 'borders', d: world.borders.map(outline).join('') }),
    routeLayer, cityLayer);
  at('map').append(picture);

  const WORLD_BOX = [0, 0, 1000, HEIGHT];
  // The routes that are shown, with a margin, in the proportions of the world.
  const boxOfRoutes = () => {
    const points = located.filter((alert) => !routes.get(alert.id).hasAttribute('display')).flatMap((alert) => linesOf(alert.route).flat());
    if (!points.length) return WORLD_BOX;
    const xs = points.map((point) => point[0]);
    const ys = points.map((point) => point[1]);
    let [left, right] = [xs.reduce((a, b) => Math.min(a, b)) - 50, xs.reduce((a, b) => Math.max(a, b)) + 50];
    let [top, bottom] = [ys.reduce((a, b) => Math.min(a, b)) - 40, ys.reduce((a, b) => Math.max(a, b)) + 40];
    const width = Math.min(1000, Math.max(right - left, (bottom - top) * (1000 / HEIGHT), 160));
    const height = (width * HEIGHT) / 1000;
    left = Math.max(0, Math.min(1000 - width, (left + right - width) / 2));
    top = Math.max(0, Math.min(HEIGHT - height, (top + bottom - height) / 2));
    return [left, top, width, height];
  };
  const sizeMarks = (box) => {
    // One pixel of the screen in units of the map.
    const pixel = box[2] / (at('map').clientWidth || 1000);
    const font = 11.5 * pixel;
    const taken = [...cities.values()].map(({ point: [x, y] }) => [x - 4 * pixel, y - 4 * pixel, x + 4 * pixel, y + 4 * pixel]);
    for (const city of cities.values()) {
      const [circle, text] = city.mark.children;
      const [x, y] = city.point;
      circle.setAttribute('r', 3.6 * pixel);
      const width = text.textContent.length * font * 0.56;
      const places = [[x + 7 * pixel, y + font * 0.35], [x - 7 * pixel - width, y + font * 0.35], [x - width / 2, y - 8 * pixel], [x - width / 2, y + 7 * pixel + font]];
      const free = places.find(([left, base]) => {
        const label = [left, base - font, left + width, base + font * 0.25];
        if (label[0] < box[0] || label[2] > box[0] + box[2] || label[1] < box[1] || label[3] > box[1] + box[3]) return false;
        return !taken.some((other) => label[0] < other[2] && label[2] > other[0] && label[1] < other[3] && label[3] > other[1]);
      });
      const isShown = free && !city.mark.hasAttribute('display');
      text.setAttribute('display', isShown ? 'inline' : 'none');
      if (isShown) {
        fill(text, { x: free[0], y: free[1], 'font-size': font }, []);
        taken.push([free[0], free[1] - font, free[0] + width, free[1] + font * 0.25]);
      }
    }
    for (const arrow of routeLayer.querySelectorAll('.arrow')) {
      const { x, y, angle } = arrow.dataset;
      const s = 5.5 * pixel;
      arrow.setAttribute('transform', `translate(${x} ${y}) rotate(${angle})`);
      arrow.setAttribute('d', `M${-s} ${-s * 0.8}L${s} 0L${-s} ${s * 0.8}Z`);
    }
  };
  let isZoomed = window.innerWidth < 700;
  const look = () => {
    const box = isZoomed ? boxOfRoutes() : WORLD_BOX;
    picture.setAttribute('viewBox', box.map((number) => number.toFixed(2)).join(' '));
    at('zoom').setAttribute('aria-pressed', String(isZoomed));
    sizeMarks(box);
  };
  at('zoom').addEventListener('click', () => { isZoomed = !isZoomed; look(); });
  window.addEventListener('resize', look);

  // Alerts --------------------------------------------------------------------------------------------------------------

  const PAGE = 50;
  let limit = PAGE;
  let chosen = null;
  const cards = new Map();
  const card = (alert) => {
    const severity = severityClass(alert.severity);
    const facts = [
      alert.elapsed_seconds === null ? '' : alert.elapsed_seconds < 1 ? 'in the same second' : `in ${elapsed(alert.elapsed_seconds)}`,
      alert.distance_km === null ? '' : `${whole(alert.distance_km)} km`,
      alert.velocity_kmh === null ? '' : `${whole(alert.velocity_kmh)} km/h`,
      alert.leg_count > 1 ? counted(alert.leg_count, 'leg') : '',
    ].filter((fact) => fact);
    const end = (label, { time: at_time, ip, key }) => html('div', { class: 'end' }, `${label} ${time(at_time)}`, ip && ` · ${ip}`, key && ` · ${key}`);
    const element = html('li', { class: `card ${severity}`, tabindex: '0', 'aria-current': 'false' },
      html('div', { class: 'top' },
        html('span', { class: 'who' }, alert.who || '(no name)'),
        html('span', { class: `severity ${severity}` }, alert.severity),
        html('span', { class: 'chip' }, STATUSES[alert.status] || alert.status),
        html('span', { class: 'right' }, `#${alert.id} · ${alert.rule}`)),
      html('div', { class: 'way' }, `${alert.from.place} → ${alert.to.place}`),
      html('div', { class: 'facts' }, facts.join(' · ')),
      end('left', alert.from), end('arrived', alert.to),
      alert.evidence.length > 0 && html('ul', { class: 'tags', 'aria-label': 'Evidence' },
        alert.evidence.map((word) => html('li', {}, EVIDENCE[word] || word))));
    element.addEventListener('click', () => choose(alert.id, false));
    element.addEventListener('focus', () => choose(alert.id, false));
    element.addEventListener('keydown', (event) => {
      const next = { ArrowDown: element.nextElementSibling, ArrowUp: element.previousElementSibling }[event.key];
      if (next) { event.preventDefault(); next.focus(); }
      if (event.key === 'Escape') choose(null, false);
    });
    return element;
  };
  const choose = (id, moves) => {
    chosen = id;
    for (const [other, element] of cards) {
      element.classList.toggle('chosen', other === id);
      element.setAttribute('aria-current', String(other === id));
    }
    for (const [other, element] of routes) element.classList.toggle('chosen', other === id);
    routeLayer.classList.toggle('dimmed', routes.has(id));
    if (routes.has(id)) routeLayer.append(routes.get(id));
    if (moves && cards.has(id)) cards.get(id).focus();
  };
  const options = (select, any, values, names = {}) => {
    select.append(html('option', { value: '' }, any), ...values.map((value) => html('option', { value }, names[value] || value)));
  };
  const present = (column) => [...new Set(data.alerts.map((alert) => alert[column]))];
  options(at('severity'), 'any', SEVERITIES.filter((severity) => present('severity').includes(severity)));
  options(at('status'), 'any', Object.keys(STATUSES).filter((status) => present('status').includes(status)), STATUSES);
  options(at('rule'), 'any', present('rule').sort());

  const matches = (alert) => {
    const text = [alert.who, alert.entity, alert.rule, `#${alert.id}`, alert.from.place, alert.to.place, alert.from.ip, alert.to.ip, alert.from.key, alert.to.key, ...alert.evidence.map((word) => EVIDENCE[word] || word)].join(' ').toLowerCase();
    return ['severity', 'status', 'rule'].every((column) => !at(column).value || alert[column] === at(column).value)
      && at('search').value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  };
  const show = () => {
    const found = data.alerts.filter(matches);
    const ids = new Set(found.map((alert) => alert.id));
    cards.clear();
    for (const alert of found.slice(0, limit)) cards.set(alert.id, card(alert));
    at('cards').replaceChildren(...cards.values());
    if (!found.length) {
      at('cards').append(html('li', { class: 'none' }, data.alerts.length ? 'No alert matches the filters.' : data.why_none));
    }
    at('shown').textContent = data.alerts.length ? `${whole(found.length)} of ${counted(data.alerts.length, 'alert')}` : '';
    at('more').hidden = found.length <= limit;
    const setShown = (element, isShown) => {
      if (isShown) element.removeAttribute('display');
      else element.setAttribute('display', 'none');
    };
    for (const [id, element] of routes) setShown(element, ids.has(id));
    for (const city of cities.values()) setShown(city.mark, city.alerts.some((id) => ids.has(id)));
    choose(cards.has(chosen) ? chosen : null, false);
    look();
  };
  at('filters').addEventListener('input', () => { limit = PAGE; show(); });
  at('filters').addEventListener('submit', (event) => event.preventDefault());
  at('more').addEventListener('click', () => {
    const first = limit;
    limit += PAGE;
    show();
    at('cards').children[first].focus();
  });

  // Figures and tables ------------------------------------------------------------------------------------------------------

  const sum = (rows, column) => rows.reduce((total, row) => total + row[column], 0);
  const table = (caption, headings, rows) => html('table', { class: 'bars' }, html('caption', {}, caption),
    html('thead', {}, html('tr', {}, headings.map((heading, n) => html('th', { scope: 'col', class: n === 1 && 'wide' }, heading)))),
    html('tbody', {}, rows));
  const bar = (share, isGood) => {
    const element = html('span', { class: `bar${isGood ? ' good' : ''}`, 'aria-hidden': 'true' });
    element.style.width = `${(100 * share).toFixed(1)}%`;
    return html('td', { class: 'wide' }, element);
  };

  const events = sum(data.coverage, 'events');
  const evaluated = sum(data.coverage.filter((row) => row.status === 'located'), 'events');
  const figure = (value, words) => html('li', {}, html('strong', {}, value), html('span', {}, words));
  at('figures').append(
    figure(whole(data.alert_count), data.alert_count === 1 ? 'alert' : 'alerts'),
    figure(whole(data.open_count), 'of them open'),
    figure(whole(data.not_raised_count), 'impossible legs not raised, with reasons'),
    figure(percent(evaluated, events), 'of the events located and evaluated'));
  at('scope').textContent = [
    data.rule === null ? 'All rules' : `Rule ${data.rule}`,
    data.since === null ? 'all time' : `since ${time(data.since)}`,
    `as of ${time(data.generated_at)}`,
  ].join(' · ');
  at('legend').append(...SEVERITIES.filter((severity) => present('severity').includes(severity)).map((severity) => {
    const line = html('i', { class: severity, 'aria-hidden': 'true' });
    return html('li', {}, line, severity);
  }));
  at('zoom').hidden = !located.length;
  at('map-note').textContent = located.length
    ? `${counted(located.length, 'route')}: for each alert, its first leg. An arrow points from the first event to the second. The list of alerts has the same in words.`
    : 'There is no route to draw.';

  const days = [...new Set(data.daily.map((row) => row.day))].sort();
  if (days.length) {
    // A day without an alert has a place on the axis, too.
    const DAY = 86400000;
    const first = Date.parse(days[0]);
    const count = Math.round((Date.parse(days[days.length - 1]) - first) / DAY) + 1;
    const total = new Map();
    for (const row of data.daily) total.set(row.day, (total.get(row.day) || 0) + row.alerts);
    const highest = Math.max(...total.values());
    const [width, height, left, base] = [360, 130, 26, 110];
    const step = (width - left) / Math.max(count, 5);
    const chart = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Alerts by day, ${days[0]} to ${days[days.length - 1]}; at most ${counted(highest, 'alert')} a day` },
      svg('line', { class: 'axis', x1: left, x2: width, y1: base, y2: base }),
      svg('text', { x: left - 5, y: base, 'text-anchor': 'end' }, '0'),
      svg('text', { x: left - 5, y: 18, 'text-anchor': 'end' }, whole(highest)),
      svg('text', { x: left, y: base + 15 }, days[0]),
      count > 1 && svg('text', { x: Math.max(left + 140, left + step * count), y: base + 15, 'text-anchor': 'end' }, days[days.length - 1]));
    const tops = new Map();
    for (const severity of [...SEVERITIES].reverse()) {
      for (const row of data.daily.filter((one) => one.severity === severity)) {
        const n = Math.round((Date.parse(row.day) - first) / DAY);
        const size = (row.alerts / highest) * (base - 14);
        const top = (tops.get(n) || base) - size;
        tops.set(n, top);
        chart.append(svg('rect', { class: severity, x: left + n * step + Math.min(2, step * 0.1), y: top, width: Math.max(0.8, Math.min(step * 0.8, 34)), height: size },
          svg('title', {}, `${row.day}: ${counted(row.alerts, `${severity} alert`)}`)));
      }
    }
    at('daily').append(chart);
  } else {
    at('daily').append(html('p', { class: 'none' }, 'There are no alerts.'));
  }

  at('reasons-note').textContent = data.not_raised_count
    ? `${counted(data.not_raised_count, 'impossible leg')} raised no alert. A leg can have several reasons.`
    : 'Every impossible leg is part of an alert, or there was none.';
  if (data.reasons.length) {
    const most = Math.max(...data.reasons.map((row) => row.legs));
    at('reasons').append(table('Impossible legs that were not raised, by reason', ['Reason', '', 'Legs', ], data.reasons.map((row) => html('tr', {},
      html('th', { scope: 'row' }, row.reason, html('small', {}, REASONS[row.reason] || '')), bar(row.legs / most), html('td', {}, whole(row.legs))))));
  }
  at('coverage-note').textContent = events ? `${counted(events, 'event')} that scans read: evaluated, or why not.` : data.why_no_coverage;
  if (events) {
    at('coverage').append(table('Events by what happened to them', ['Events', '', ''], data.coverage.map((row) => html('tr', {},
      html('th', { scope: 'row' }, row.status.replace(/_/g, ' '), html('small', {}, COVERAGE[row.status] || '')),
      bar(row.events / events, row.status === 'located'), html('td', {}, whole(row.events))))));
  }
  at('rules').append(data.rules.length
    ? table('Rules', ['Rule', 'State'], data.rules.map((row) => html('tr', {}, html('th', { scope: 'row' }, row.rule),
      html('td', { class: row.last_error || row.problem ? 'wrap problem' : 'wrap' },
        [row.enabled ? '' : 'disabled', row.last_error, row.problem].filter((text) => text).join('; ')
          || `last scan ${time(row.last_scan)}`))))
    : html('p', { class: 'none' }, 'There is no rule.'));
  at('left-out').append(...data.left_out.map((text) => html('li', {}, text)));

  show();
})();
