/**
 * Words by which a text about somebody's health or about a legal matter is
 * known. One strong term is enough; of the weak ones it takes three different
 * ones, because each of them stands in ordinary texts too. English, German,
 * French and Spanish; lower case; a phrase has its words with one space between.
 */
export interface Terms {
  readonly strong: readonly string[]
  readonly weak: readonly string[]
}

function listed(terms: string): readonly string[] {
  return terms.split(', ')
}

export const healthTerms: Terms = {
  strong: [
    ...listed('chemotherapy, radiotherapy, biopsy, hiv positive, hiv test, insulin dose'),
    ...listed('medical record, medical records, medical history, patient record, patient id'),
    ...listed('discharge summary, blood type, prenatal, antidepressant, antidepressants'),
    ...listed('schizophrenia, metastasis, metastases, oncologist, comorbidity, comorbidities'),
    ...listed('chemotherapie, krankenakte, patientenakte, arztbrief, krebserkrankung'),
    ...listed('chimiothérapie, dossier médical, quimioterapia, historia clínica'),
  ],
  weak: [
    ...listed(
      'patient, patients, diagnosis, diagnosed, symptom, symptoms, prescription, prescribed',
    ),
    ...listed('dosage, hospital, clinic, physician, surgery, therapy, disease, medication'),
    ...listed('medications, treatment, cancer, tumor, tumour, diabetes, hiv, asthma, depression'),
    ...listed('allergies, blood pressure, pregnancy, psychiatric, diagnose, symptome, krankenhaus'),
    ...listed('rezept, medikament, medikamente, krankheit, behandlung, krebs, arzt, ärztin'),
    ...listed('diagnostic, ordonnance, hôpital, maladie, médicament, traitement, diagnóstico'),
    ...listed('paciente, síntomas, enfermedad, receta'),
  ],
}

export const legalTerms: Terms = {
  strong: [
    ...listed('attorney client, privileged and confidential, work product, cease and desist'),
    ...listed('non disclosure agreement, nondisclosure agreement, settlement agreement'),
    ...listed('indemnification, indemnify, force majeure, power of attorney, deposition of'),
    ...listed('motion to dismiss, summary judgment, hereinafter, subpoena, affidavit'),
    ...listed('schadensersatzklage, unterlassungserklärung, mandantengeheimnis, klageschrift'),
    ...listed('geheimhaltungsvereinbarung, secret professionnel, mise en demeure'),
    ...listed('acuerdo de confidencialidad'),
  ],
  weak: [
    ...listed('plaintiff, defendant, lawsuit, litigation, attorney, counsel, jurisdiction'),
    ...listed(
      'liability, contract, clause, hereby, herein, thereof, pursuant, statute, arbitration',
    ),
    ...listed('tort, breach, court, tribunal, testimony, witness, verdict, plaintiffs, defendants'),
    ...listed('warranty, covenant, severability, notwithstanding, kläger, klägerin, beklagte'),
    ...listed('beklagter, rechtsanwalt, vertrag, haftung, gericht, urteil, paragraph, klausel'),
    ...listed('avocat, contrat, demandeur, défendeur, abogado, contrato, demandante, demandado'),
    ...listed('juzgado, cláusula'),
  ],
}
