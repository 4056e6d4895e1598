package demo

import (
	"encoding/json"
	"net/http"
)

// clinicsPath is where the clinic directory answers.
const clinicsPath = "/clinics"

// clinicNames are the clinics of the directory, by code.
func clinicNames() map[string]string {
	return map[string]string{"123456": "Zola Clinic", "234567": "Khayelitsha Clinic", "345678": "Umlazi Clinic"}
}

// clinic answers with one clinic.
func clinic(w http.ResponseWriter, r *http.Request) {
	code := r.PathValue("code")
	name, ok := clinicNames()[code]
	if !ok {
		answer(w, http.StatusNotFound, map[string]string{"error": "there is no clinic of this code"})
		return
	}
	answer(w, http.StatusOK, map[string]string{"code": code, "name": name})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // whoever asked may have gone
}
