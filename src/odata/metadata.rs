//! `$metadata` (CSDL version 3 in EDMX version 1) and the service document.

use super::json::{Form, Writer as Json};
use super::model::{ComplexType, EntityType, Function, Kind, Method, Model, Property};
use crate::xml::{Layout, Writer};

const EDMX: &str = "http://schemas.microsoft.com/ado/2007/06/edmx";
const DATA_SERVICES: &str = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata";
const EDM: &str = "http://schemas.microsoft.com/ado/2009/11/edm";

/// The document at `$metadata`.
pub fn metadata(model: &Model) -> String {
    let mut xml = Writer::new(Layout::Indented);
    xml.declaration();
    xml.open("edmx:Edmx", &[("Version", "1.0"), ("xmlns:edmx", EDMX)]);
    let versions = [("m:DataServiceVersion", "3.0"), ("m:MaxDataServiceVersion", "3.0"), ("xmlns:m", DATA_SERVICES)];
    xml.open("edmx:DataServices", &versions);
    xml.open("Schema", &[("Namespace", model.namespace), ("xmlns", EDM)]);
    for entity in model.entities {
        entity_type(&mut xml, entity, model);
    }
    for complex in model.complex {
        complex_type(&mut xml, complex, model);
    }
    for entity in model.entities {
        for navigation in entity.navigations {
            let target = (navigation.target)();
            xml.open("Association", &[("Name", &association(entity, navigation.name))]);
            let (from, to) =
                (format!("{}.{}", model.namespace, entity.name), format!("{}.{}", model.namespace, target.name));
            xml.empty(
                "End",
                &[
                    ("Type", &to),
                    ("Role", navigation.name),
                    ("Multiplicity", if navigation.many { "*" } else { "0..1" }),
                ],
            );
            xml.empty("End", &[("Type", &from), ("Role", SELF), ("Multiplicity", "*")]);
            xml.close();
        }
    }
    container(&mut xml, model);
    xml.finish()
}

/// The role of the entity that a link belongs to.
const SELF: &str = "Owner";

fn association(entity: &EntityType, navigation: &str) -> String {
    format!("{}_{navigation}", entity.name)
}

fn entity_type(xml: &mut Writer, entity: &EntityType, model: &Model) {
    xml.open("EntityType", &[("Name", entity.name)]);
    xml.open("Key", &[]);
    xml.empty("PropertyRef", &[("Name", entity.key)]);
    xml.close();
    properties(xml, entity.properties, model);
    for navigation in entity.navigations {
        let relationship = format!("{}.{}", model.namespace, association(entity, navigation.name));
        xml.empty(
            "NavigationProperty",
            &[
                ("Name", navigation.name),
                ("Relationship", &relationship),
                ("ToRole", navigation.name),
                ("FromRole", SELF),
            ],
        );
    }
    xml.close();
}

fn complex_type(xml: &mut Writer, complex: &ComplexType, model: &Model) {
    xml.open("ComplexType", &[("Name", complex.name)]);
    properties(xml, complex.properties, model);
    xml.close();
}

fn properties(xml: &mut Writer, properties: &[Property], model: &Model) {
    for property in properties {
        let kind = property.kind.type_name(model.namespace);
        let nullable = if property.nullable { "true" } else { "false" };
        // A collection is never null itself (CSDL 5.3.2).
        match property.kind {
            Kind::Collection(_) => {
                xml.empty("Property", &[("Name", property.name), ("Type", &kind), ("Nullable", "false")])
            }
            _ => xml.empty("Property", &[("Name", property.name), ("Type", &kind), ("Nullable", nullable)]),
        }
    }
}

fn container(xml: &mut Writer, model: &Model) {
    xml.open("EntityContainer", &[("Name", model.container), ("m:IsDefaultEntityContainer", "true")]);
    for entity in model.entities {
        xml.empty(
            "EntitySet",
            &[("Name", entity.set), ("EntityType", &format!("{}.{}", model.namespace, entity.name))],
        );
    }
    for function in model.functions {
        function_import(xml, function, model);
    }
    for entity in model.entities {
        for action in entity.actions {
            let mut attributes = vec![("Name", action.name.to_owned()), ("IsBindable", "true".to_owned())];
            attributes.push(("IsSideEffecting", "true".to_owned()));
            attributes.extend(action.returns.map(|kind| ("ReturnType", kind.type_name(model.namespace))));
            open(xml, "FunctionImport", &attributes);
            let bound = format!("{}.{}", model.namespace, entity.name);
            xml.empty("Parameter", &[("Name", "bindingParameter"), ("Type", &bound)]);
            parameters(xml, action.parameters, model);
            xml.close();
        }
        for navigation in entity.navigations {
            let name = association(entity, navigation.name);
            let full = format!("{}.{name}", model.namespace);
            xml.open("AssociationSet", &[("Name", &name), ("Association", &full)]);
            xml.empty("End", &[("Role", navigation.name), ("EntitySet", (navigation.target)().set)]);
            xml.empty("End", &[("Role", SELF), ("EntitySet", entity.set)]);
            xml.close();
        }
    }
    xml.close();
}

fn function_import(xml: &mut Writer, function: &Function, model: &Model) {
    let mut attributes = vec![("Name", function.name.to_owned())];
    attributes.extend(function.returns.map(|kind| ("ReturnType", kind.type_name(model.namespace))));
    let method = match function.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    attributes.push(("m:HttpMethod", method.to_owned()));
    open(xml, "FunctionImport", &attributes);
    parameters(xml, function.parameters, model);
    xml.close();
}

fn parameters(xml: &mut Writer, parameters: &[Property], model: &Model) {
    for parameter in parameters {
        xml.empty("Parameter", &[("Name", parameter.name), ("Type", &parameter.kind.type_name(model.namespace))]);
    }
}

fn open(xml: &mut Writer, name: &str, attributes: &[(&str, String)]) {
    let attributes: Vec<(&str, &str)> = attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
    xml.open(name, &attributes);
}

/// The document at the service's root: its entity sets.
pub fn service_document(model: &Model, root: &str, form: Form) -> String {
    let mut json = Json::new();
    match form {
        Form::Verbose => {
            json.object(|json| {
                json.member("d").object(|json| {
                    json.member("EntitySets").array(|json| {
                        for entity in model.entities {
                            json.item().text(entity.set);
                        }
                    });
                });
            });
        }
        _ => json.object(|json| {
            if form != Form::None {
                json.member("odata.metadata").text(&format!("{root}/$metadata"));
            }
            json.member("value").array(|json| {
                for entity in model.entities {
                    json.item().object(|json| {
                        json.member("name").text(entity.set);
                        json.member("url").text(entity.set);
                    });
                }
            });
        }),
    }
    json.finish()
}
