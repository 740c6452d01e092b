//! Real cities with their real coordinates (GeoNames, CC BY 4.0): the places of all samples.

/// A city as GeoIP databases describe one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct City {
    pub name: &'static str,
    pub subdivision: &'static str,
    pub subdivision_code: &'static str,
    pub country: &'static str,
    pub country_code: &'static str,
    pub continent_code: &'static str,
    pub latitude: f64,
    pub longitude: f64,
    pub time_zone: &'static str,
}

/// The city of this name. Only this crate passes names, and a test checks that all of them exist.
pub fn named(name: &str) -> Option<&'static City> {
    CITIES.iter().find(|city| city.name == name)
}

#[rustfmt::skip]
pub const CITIES: &[City] = &[
    city("London", "England", "ENG", "United Kingdom", "GB", "EU", 51.50853, -0.12574, "Europe/London"),
    city("Cambridge", "England", "ENG", "United Kingdom", "GB", "EU", 52.2, 0.11667, "Europe/London"),
    city("Dublin", "Leinster", "L", "Ireland", "IE", "EU", 53.33306, -6.24889, "Europe/Dublin"),
    city("Amsterdam", "North Holland", "NH", "The Netherlands", "NL", "EU", 52.37403, 4.88969, "Europe/Amsterdam"),
    city("Paris", "Île-de-France", "IDF", "France", "FR", "EU", 48.85341, 2.3488, "Europe/Paris"),
    city("Frankfurt am Main", "Hesse", "HE", "Germany", "DE", "EU", 50.11552, 8.68417, "Europe/Berlin"),
    city("Madrid", "Madrid", "MD", "Spain", "ES", "EU", 40.4165, -3.70256, "Europe/Madrid"),
    city("Stockholm", "Stockholm", "AB", "Sweden", "SE", "EU", 59.32938, 18.06871, "Europe/Stockholm"),
    city("Warsaw", "Mazovia", "14", "Poland", "PL", "EU", 52.22977, 21.01178, "Europe/Warsaw"),
    city("Moscow", "Moscow", "MOW", "Russia", "RU", "EU", 55.75222, 37.61556, "Europe/Moscow"),
    city("Lagos", "Lagos", "LA", "Nigeria", "NG", "AF", 6.45407, 3.39467, "Africa/Lagos"),
    city("Johannesburg", "Gauteng", "GP", "South Africa", "ZA", "AF", -26.20227, 28.04363, "Africa/Johannesburg"),
    city("New York", "New York", "NY", "United States", "US", "NA", 40.71427, -74.00597, "America/New_York"),
    city("Jersey City", "New Jersey", "NJ", "United States", "US", "NA", 40.72816, -74.07764, "America/New_York"),
    city("Ashburn", "Virginia", "VA", "United States", "US", "NA", 39.04372, -77.48749, "America/New_York"),
    city("Seattle", "Washington", "WA", "United States", "US", "NA", 47.60621, -122.33207, "America/Los_Angeles"),
    city("Toronto", "Ontario", "ON", "Canada", "CA", "NA", 43.70643, -79.39864, "America/Toronto"),
    city("Honolulu", "Hawaii", "HI", "United States", "US", "NA", 21.30694, -157.85833, "Pacific/Honolulu"),
    city("São Paulo", "São Paulo", "SP", "Brazil", "BR", "SA", -23.5475, -46.63611, "America/Sao_Paulo"),
    city("Buenos Aires", "Buenos Aires F.D.", "C", "Argentina", "AR", "SA", -34.61315, -58.37723, "America/Argentina/Buenos_Aires"),
    city("Tokyo", "Tokyo", "13", "Japan", "JP", "AS", 35.6895, 139.69171, "Asia/Tokyo"),
    city("Yokohama", "Kanagawa", "14", "Japan", "JP", "AS", 35.43333, 139.65, "Asia/Tokyo"),
    city("Singapore", "", "", "Singapore", "SG", "AS", 1.28967, 103.85007, "Asia/Singapore"),
    city("Mumbai", "Maharashtra", "MH", "India", "IN", "AS", 19.07283, 72.88261, "Asia/Kolkata"),
    city("Sydney", "New South Wales", "NSW", "Australia", "AU", "OC", -33.86785, 151.20732, "Australia/Sydney"),
    city("Auckland", "Auckland", "AUK", "New Zealand", "NZ", "OC", -36.84853, 174.76349, "Pacific/Auckland"),
    city("Suva", "Central", "C", "Fiji", "FJ", "OC", -18.14161, 178.44149, "Pacific/Fiji"),
    city("Nadi", "Western", "W", "Fiji", "FJ", "OC", -17.80309, 177.41617, "Pacific/Fiji"),
    city("Apia", "Tuamasaga", "TU", "Samoa", "WS", "OC", -13.83333, -171.76666, "Pacific/Apia"),
];

#[allow(clippy::too_many_arguments)]
const fn city(
    name: &'static str,
    subdivision: &'static str,
    subdivision_code: &'static str,
    country: &'static str,
    country_code: &'static str,
    continent_code: &'static str,
    latitude: f64,
    longitude: f64,
    time_zone: &'static str,
) -> City {
    City {
        name,
        subdivision,
        subdivision_code,
        country,
        country_code,
        continent_code,
        latitude,
        longitude,
        time_zone,
    }
}
