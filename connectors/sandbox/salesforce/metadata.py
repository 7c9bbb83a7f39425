"""The describe of a sandbox's objects, with every key a real one has; custom fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.sandbox.salesforce.schema import SCALED, TEXTUAL, Field, Object
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.wire import Refusal

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    **dict.fromkeys(SCALED, "xsd:double"),
}
_CUSTOM_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Checkbox": "boolean",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
}


def field_info(field: Field) -> dict[str, Any]:
    """One entry of ``fields`` in a describe."""
    textual = field.type in TEXTUAL
    sized = textual or field.type in ("id", "reference")
    return {
        "aggregatable": field.filterable and field.type not in ("boolean", "multipicklist"),
        "aiPredictionField": False,
        "autoNumber": field.name == "CaseNumber",
        "byteLength": field.length * 3 if textual else field.length,
        "calculated": False,
        "calculatedFormula": None,
        "cascadeDelete": False,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": None,
        "controllerName": None,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": field.default,
        "defaultValueFormula": None,
        "defaultedOnCreate": field.defaulted,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": field.digits,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": field.external_id,
        "extraTypeInfo": "plaintextarea" if field.type == "textarea" else None,
        "filterable": field.filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": field.filterable and field.type not in SCALED | {"datetime", "multipicklist"},
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": field.id_lookup or field.external_id,
        "inlineHelpText": None,
        "label": field.label,
        "length": field.length if sized else 0,
        "mask": None,
        "maskType": None,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": len(field.targets) > 1,
        "nillable": field.nillable,
        "permissionable": field.nillable and field.createable,
        "picklistValues": [
            {
                "active": True,
                "defaultValue": choice == field.default,
                "label": choice,
                "validFor": None,
                "value": choice,
            }
            for choice in field.choices
        ],
        "polymorphicForeignKey": len(field.targets) > 1,
        "precision": field.precision,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(field.targets),
        "relationshipName": field.relationship,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "searchPrefilterable": field.type == "reference",
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.filterable and field.type != "multipicklist",
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
        "writeRequiresMasterRead": False,
    }


def summary(object: Object, base: str) -> dict[str, Any]:
    """One entry of the global describe; `base` is ``/services/data/vNN.0``."""
    own = f"{base}/sobjects/{object.name}"
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": object.writable,
        "custom": object.name.endswith("__c"),
        "customSetting": False,
        "deepCloneable": False,
        "deletable": object.writable,
        "deprecatedAndHidden": False,
        "feedEnabled": object.writable,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": object.prefix,
        "label": object.label,
        "labelPlural": object.plural,
        "layoutable": object.writable,
        "mergeable": object.mergeable,
        "mruEnabled": object.writable,
        "name": object.name,
        "queryable": True,
        "replicateable": object.writable,
        "retrieveable": True,
        "searchable": object.writable,
        "triggerable": object.writable,
        "undeletable": object.writable and object.undeletable,
        "updateable": object.writable,
        "urls": {
            "rowTemplate": f"{own}/{{ID}}",
            "describe": f"{own}/describe",
            "sobject": own,
        },
    }


def describe(object: Object, base: str) -> dict[str, Any]:
    """The whole describe of an object, hidden fields left out."""
    master = "012000000000000AAA"
    layout = f"{base}/sobjects/{object.name}/describe/layouts/{master}"
    return {
        **summary(object, base),
        "actionOverrides": [],
        "childRelationships": [
            {
                "cascadeDelete": child.cascades,
                "childSObject": child.object,
                "deprecatedAndHidden": False,
                "field": child.field,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": child.relationship,
                "restrictedDelete": child.restricts,
            }
            for child in object.children
        ],
        "compactLayoutable": object.writable,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [field_info(f) for f in object.fields.values() if not f.hidden],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": master,
                "urls": {"layout": layout},
            }
        ],
        "searchLayoutable": object.writable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {object.plural.lower()}", "name": "everything"}],
    }


def create_field(store: Store, body: Any) -> str:
    """Carry out a Tooling API ``CustomField`` create; returns the field's name.

    Raises:
        Refusal: the request makes no field.
    """
    full = body.get("FullName") if isinstance(body, Mapping) else None
    metadata = body.get("Metadata") if isinstance(body, Mapping) else None
    if not isinstance(full, str) or not isinstance(metadata, Mapping):
        raise Refusal("REQUIRED_FIELD_MISSING", "Required fields are missing: [FullName, Metadata]")
    owner, _, name = full.partition(".")
    object = store.object(owner)
    if object is None:
        raise Refusal("INVALID_TYPE", f"Entity '{owner}' does not exist")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*__c", name):
        raise Refusal("FIELD_INTEGRITY_EXCEPTION", f"{full}: a custom field's name ends in __c")
    if name.lower() in object.names:
        raise Refusal(
            "DUPLICATE_DEVELOPER_NAME",
            f"There is already a field named {name.removesuffix('__c')} on {object.label}.",
            fields=["DeveloperName"],
        )
    made_type = _CUSTOM_TYPES.get(str(metadata.get("type")))
    if made_type is None:
        raise Refusal("INVALID_TYPE", f"Unknown field type: {metadata.get('type')}")
    length = int(metadata.get("length") or (255 if made_type in TEXTUAL else 0))
    values = (metadata.get("valueSet") or {}).get("valueSetDefinition", {}).get("value", [])
    store.add_field(
        object,
        Field(
            name,
            str(metadata.get("label") or name),
            made_type,
            length,
            precision=int(metadata.get("precision") or (18 if made_type in SCALED else 0)),
            scale=int(metadata.get("scale") or 0),
            nillable=made_type != "boolean",
            defaulted=made_type == "boolean",
            default=False if made_type == "boolean" else None,
            custom=True,
            unique=bool(metadata.get("unique")),
            external_id=bool(metadata.get("externalId")),
            case_sensitive=bool(metadata.get("caseSensitive")),
            choices=tuple(str(v.get("fullName") or v.get("valueName")) for v in values),
            restricted=bool((metadata.get("valueSet") or {}).get("restricted")),
        ),
    )
    return name
