//! Finds the columns by what people call them, in any order and case, in the languages of the inventories we met.

/// Where each column is. The positions are indices into a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// What identifies a part.
    pub part: usize,
    /// How many there are.
    pub quantity: usize,
    /// What one costs.
    pub unit_cost: usize,
    /// What the summary groups by, with the header's own word for it.
    pub group: Option<(usize, String)>,
    /// The currency, where the header of the cost names one.
    pub currency: Option<String>,
}

const PART: &[&str] = &[
    "part",
    "partnumber",
    "partno",
    "partnum",
    "partid",
    "sku",
    "item",
    "itemnumber",
    "itemno",
    "itemid",
    "article",
    "articlenumber",
    "partname",
    "itemname",
    "name",
    "product",
    "productname",
    "component",
    "material",
    "description",
    "pieza",
    "parte",
    "articulo",
    "referencia",
    "producto",
    "componente",
    "teil",
    "teilenummer",
    "artikel",
    "artikelnummer",
    "bauteil",
    "bezeichnung",
    "piece",
    "reference",
    "designation",
    "codice",
    "articolo",
    "id",
    "code",
];
const QUANTITY: &[&str] = &[
    "quantity",
    "qty",
    "quantityonhand",
    "qtyonhand",
    "onhand",
    "stock",
    "stocklevel",
    "instock",
    "stockonhand",
    "stockqty",
    "stockquantity",
    "level",
    "count",
    "units",
    "pieces",
    "pcs",
    "cantidad",
    "existencias",
    "unidades",
    "menge",
    "anzahl",
    "bestand",
    "lagerbestand",
    "stueck",
    "quantite",
    "qte",
    "quantita",
    "giacenza",
    "quantidade",
    "amount",
];
const UNIT_COST: &[&str] = &[
    "unitcost",
    "costperunit",
    "costeach",
    "unitprice",
    "priceperunit",
    "priceeach",
    "standardcost",
    "stdcost",
    "cost",
    "price",
    "each",
    "costounitario",
    "costeunitario",
    "preciounitario",
    "costo",
    "coste",
    "precio",
    "stueckkosten",
    "stueckpreis",
    "einzelpreis",
    "einzelkosten",
    "einheitspreis",
    "kosten",
    "preis",
    "coutunitaire",
    "prixunitaire",
    "cout",
    "prix",
    "prezzounitario",
    "prezzo",
    "custounitario",
    "custo",
    "preco",
];
const GROUP: &[&str] = &[
    "category",
    "group",
    "productgroup",
    "family",
    "class",
    "type",
    "department",
    "categoria",
    "grupo",
    "familia",
    "kategorie",
    "warengruppe",
    "gruppe",
    "categorie",
    "groupe",
    "famille",
    "supplier",
    "vendor",
    "manufacturer",
    "proveedor",
    "fabricante",
    "lieferant",
    "hersteller",
    "fournisseur",
    "location",
    "warehouse",
];
const CURRENCIES: &[&str] = &[
    "eur", "usd", "gbp", "chf", "jpy", "cny", "sek", "nok", "dkk", "pln", "czk", "mxn", "ars", "clp", "cop",
    "brl", "cad", "aud", "inr",
];

impl Columns {
    /// Finds them in a header, or names the ones that are not there.
    pub fn find(header: &[String]) -> Result<Columns, Vec<&'static str>> {
        let words: Vec<(String, Option<String>)> = header.iter().map(|title| key(title)).collect();
        // Aliases are in order of preference: "part" wins over "description" wherever each stands.
        let position =
            |names: &[&str]| names.iter().find_map(|name| words.iter().position(|(word, _)| word == name));
        match (position(PART), position(QUANTITY), position(UNIT_COST)) {
            (Some(part), Some(quantity), Some(unit_cost)) => Ok(Columns {
                part,
                quantity,
                unit_cost,
                group: position(GROUP).map(|at| (at, header[at].trim().to_lowercase())),
                currency: words[unit_cost].1.clone(),
            }),
            (part, quantity, unit_cost) => {
                let asked = [(part, "part"), (quantity, "quantity"), (unit_cost, "unit cost")];
                Err(asked.into_iter().filter(|(found, _)| found.is_none()).map(|(_, name)| name).collect())
            }
        }
    }
}

/// A title without case, accents, spaces and punctuation, and the currency that was in it.
fn key(title: &str) -> (String, Option<String>) {
    let plain: String = title.chars().flat_map(char::to_lowercase).map(folded).collect();
    let mut words: Vec<&str> =
        plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut currency = None;
    if words.len() > 1 {
        words.retain(|word| {
            let names_one = CURRENCIES.contains(word);
            if names_one {
                currency = Some(word.to_uppercase());
            }
            !names_one
        });
    }
    for (sign, code) in [('€', "EUR"), ('$', "USD"), ('£', "GBP")] {
        if title.contains(sign) {
            currency = Some(code.to_owned());
        }
    }
    (words.concat(), currency)
}

/// The letter without its accent, as far as the titles above need it.
fn folded(c: char) -> String {
    match c {
        'á' | 'à' | 'â' | 'ã' => "a".into(),
        'é' | 'è' | 'ê' => "e".into(),
        'í' | 'ì' | 'î' => "i".into(),
        'ó' | 'ò' | 'ô' | 'õ' => "o".into(),
        'ú' | 'ù' | 'û' => "u".into(),
        'ç' => "c".into(),
        'ñ' => "n".into(),
        'ä' => "ae".into(),
        'ö' => "oe".into(),
        'ü' => "ue".into(),
        'ß' => "ss".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &str) -> Result<Columns, Vec<&'static str>> {
        Columns::find(&header.split(';').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn titles_in_any_order_case_and_language() {
        let found = find("Supplier;UNIT COST (EUR);On-Hand Qty;On hand;Description;Part No.").unwrap();
        assert_eq!((found.part, found.quantity, found.unit_cost), (5, 3, 1));
        assert_eq!(found.group, Some((0, "supplier".into())));
        assert_eq!(found.currency.as_deref(), Some("EUR"));
        let found = find("Artikel;Stückpreis €;Lagerbestand;Warengruppe").unwrap();
        assert_eq!((found.part, found.quantity, found.unit_cost), (0, 2, 1));
        let found = find("Pieza;Categoría;Cantidad;Coste unitario").unwrap();
        assert_eq!((found.part, found.quantity, found.unit_cost), (0, 2, 3));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(find("part;price"), Err(vec!["quantity"]));
        assert_eq!(find("a;b;c"), Err(vec!["part", "quantity", "unit cost"]));
    }
}
